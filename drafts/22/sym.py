import numpy as np
from attnutils.reference import attention_weights, softmax
np.set_printoptions(precision=2,suppress=True,linewidth=150)
k=np.array([[1,0,0,1],[0,1,0,1],[0,0,0,1],[0,0,1,0],[0,1,0,-1]],float); v=np.array([[4,0],[0,4],[0,0],[0,0],[0,4]],float)
x=np.hstack([k,v/4]); w_k=np.eye(6)[:,:4]; w_v=4*np.eye(6)[:,4:]; w_q=np.zeros((6,4)); c=2*np.log(2)
w_q[1]=c*np.array([3,0,0,0]); w_q[2]=c*np.array([2,1,0,1])
q,kk=x@w_q,x@w_k
S=q@kk.T/2/np.log(2); print(S); print(softmax(S*np.log(2)))
M=w_q@w_k.T; s=(M+M.T)/2; e,u=np.linalg.eigh(s); print(e/c)
W=u*np.sqrt(np.maximum(e,0)); g=x@W
T=g@g.T/2/np.log(2); print(T); print(softmax(T*np.log(2))); print(softmax(T*np.log(2))@v)
g2=x@w_k; T=g2@g2.T; print(T)
# general: sym only
Sy=(S+S.T)/2; print(Sy); print(softmax(Sy*np.log(2)))
